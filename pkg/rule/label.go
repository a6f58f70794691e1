package rule

import (
	"errors"
	"fmt"
	"unicode"
)

// MaxTag is the most bytes of a tag.
const MaxTag = 100

// CheckTag refuses a tag that could not be asked for again, or would spoil a
// list of tags.
//
// Errors: what is wrong, to be read after "the tag".
func CheckTag(tag string) error {
	if len(tag) > MaxTag {
		return fmt.Errorf("is longer than %d bytes", MaxTag)
	}
	for _, c := range tag {
		if unicode.IsControl(c) {
			return errors.New("has a control character")
		}
	}
	return nil
}

// ParseAction reads the name of an action.
//
// Errors: what is wrong, to be read after "the action".
func ParseAction(name string) (Action, error) {
	for _, a := range []Action{Keep, Drop} {
		if name == a.String() {
			return a, nil
		}
	}
	return 0, errors.New("must be keep or drop")
}
