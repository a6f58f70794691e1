package jsonscan

import "bytes"

// Fields numbers the names of the fields of one kind of object. It remembers
// which field followed which: programs write objects in one order, so that the
// next name can nearly always be compared instead of looked for. It is used by
// one goroutine at a time.
type Fields struct {
	numbers map[string]int
	seen    map[string]*Field
	begin   Field
	other   Field
}

// Field is a field that was come to.
type Field struct {
	// Number is what the name was given, 0 for a name that was given none.
	Number int

	text string // as it stands in most messages: "name":
	// next is the field that came after it last time, and second the one before
	// that was another: most objects have a field that not all have.
	next, second *Field
}

// Bounds of what is remembered of a feed that makes names up.
const (
	maxSeen = 128
	maxName = 64
)

// NewFields makes Fields of names with their numbers, which are above 0.
func NewFields(numbers map[string]int) *Fields {
	f := &Fields{numbers: numbers, seen: make(map[string]*Field)}
	f.other = Field{next: &f.other, second: &f.other}
	f.begin = f.other
	return f
}

// Begin is what stands before the first field of an object.
func (f *Fields) Begin() *Field { return &f.begin }

// Field takes the name of a field, as Key does, and moves to its value. last is
// the field before it in the object.
func (s *Scanner) Field(f *Fields, last *Field) *Field {
	if next := last.next; s.follows(next.text) {
		s.pos += len(next.text)
		return next
	}
	if second := last.second; s.follows(second.text) {
		s.pos += len(second.text)
		last.next, last.second = second, last.next
		return second
	}
	return s.lookUp(f, last)
}

// follows reports whether text comes next. Nothing does not.
func (s *Scanner) follows(text string) bool {
	n := len(text)
	return n > 0 && len(s.data)-s.pos >= n && string(s.data[s.pos:s.pos+n]) == text
}

// lookUp finds the field and remembers that it came after last.
func (s *Scanner) lookUp(f *Fields, last *Field) *Field {
	s.Peek()
	start := s.pos
	name := s.Key()
	if s.bad {
		return &f.other
	}
	field := f.seen[string(name)]
	if field == nil {
		if field = f.add(name, s.data[start:s.pos]); field == nil {
			return &f.other
		}
	}
	last.next, last.second = field, last.next
	return field
}

// add remembers a field that is new; nil: there is no room, or it is written in
// an unusual way.
func (f *Fields) add(name, text []byte) *Field {
	number := f.numbers[string(name)]
	plain := len(text) == len(name)+len(`"":`) && bytes.Equal(text[1:1+len(name)], name)
	if number == 0 && (len(f.seen) >= maxSeen || len(name) > maxName || !plain) {
		return nil
	}
	field := &Field{Number: number, next: &f.other, second: &f.other}
	if plain {
		field.text = string(text)
	}
	f.seen[string(name)] = field
	return field
}
