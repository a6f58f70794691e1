// Apicheck compares two OpenAPI documents and fails if a client of the first
// could break on the second: what is added passes, what is removed, narrowed or
// changed does not.
//
//	apicheck RELEASED NOW
//
// It is a module of its own: what it needs stays out of the product.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/load"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: apicheck RELEASED NOW")
		os.Exit(64)
	}
	broken, err := check(os.Args[1], os.Args[2], os.Stderr)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "apicheck:", err)
		os.Exit(1)
	case broken > 0:
		fmt.Fprintf(os.Stderr, "apicheck: %d changes break clients of the released API. It grows by addition only; CONTRIBUTING.md says how to renew the baseline.\n", broken)
		os.Exit(1)
	}
}

// check writes each change that breaks clients, and counts them.
func check(released, now string, to io.Writer) (broken int, err error) {
	loader := openapi3.NewLoader()
	before, err := load.NewSpecInfo(loader, load.NewSource(released))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", released, err)
	}
	after, err := load.NewSpecInfo(loader, load.NewSource(now))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", now, err)
	}
	report, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), before, after)
	if err != nil {
		return 0, err
	}
	words := checker.NewDefaultLocalizer()
	for _, c := range checker.CheckBackwardCompatibility(checker.NewConfig(checker.GetAllChecks()), report, sources) {
		if c.GetLevel() < checker.WARN { // a warning is a parameter that went: ours are refused when unknown
			continue
		}
		text := c.GetUncolorizedText(words)
		if c.GetId() == checker.ResponsePropertyEnumValueAddedId && strings.Contains(text, "`error/code`") {
			continue // a client is told to expect new codes
		}
		broken++
		fmt.Fprintf(to, "%s %s: %s\n", c.GetOperation(), c.GetPath(), text)
	}
	return broken + lostAnswers(before.Spec, after.Spec, to), nil
}

// lostAnswers finds answers 3xx that are documented no longer: to the checker
// they are failures, which a client does well without.
func lostAnswers(before, after *openapi3.T, to io.Writer) (lost int) {
	for path, item := range before.Paths.Map() {
		for method, operation := range item.Operations() {
			now := after.Paths.Value(path)
			if now == nil || now.GetOperation(method) == nil {
				continue // told already
			}
			for status := range operation.Responses.Map() {
				if status[0] == '3' && now.GetOperation(method).Responses.Value(status) == nil {
					lost++
					fmt.Fprintf(to, "%s %s: the answer %s is gone\n", method, path, status)
				}
			}
		}
	}
	return lost
}
