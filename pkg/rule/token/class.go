package token

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// class says what a rune means for cutting.
type class uint8

const (
	classCut        class = iota // neither letter, mark nor number
	classPlain                   // a letter or number
	classMark                    // belongs to what stands before it
	classRun                     // a letter of a script that is written without spaces
	classDropped                 // folding drops it
	classPoint                   // . and , which stay between digits
	classApostrophe              // stays in n't
)

// runScripts are written without spaces, or with particles glued to the word.
var runScripts = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
}

// commonRunLetters are the letters that Unicode counts to no single script but
// that stand in runs all the same: the sound marks and repetition marks of
// kana, in both widths, and two signs used with Han.
var commonRunLetters = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x3006, Hi: 0x3006, Stride: 1},
	{Lo: 0x3031, Hi: 0x3035, Stride: 1},
	{Lo: 0x303c, Hi: 0x303c, Stride: 1},
	{Lo: 0x30fc, Hi: 0x30fc, Stride: 1},
	{Lo: 0xff70, Hi: 0xff70, Stride: 1},
	{Lo: 0xff9e, Hi: 0xff9f, Stride: 1},
}}

// strippedScripts lose their combining marks in the plain form.
var strippedScripts = []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic}

func classOf(r rune) class {
	switch {
	case r < 0x80:
		return asciiClass[r]
	case r < firstPlane:
		return firstPlaneClass()[r]
	}
	return findClass(r)
}

// firstPlane is the end of the plane that nearly all letters are of. To ask
// Unicode's tables for each of them costs as much as all else together.
const firstPlane = 0x10000

var firstPlaneClass = sync.OnceValue(func() *[firstPlane]class {
	var table [firstPlane]class
	for r := range rune(firstPlane) {
		table[r] = findClass(r)
	}
	return &table
})

// findClass is classOf for what is not ASCII.
func findClass(r rune) class {
	switch {
	case findDropped(r):
		return classDropped
	case isApostrophe(r):
		return classApostrophe
	case foldsToPoint(r):
		return classPoint
	case isRunLetter(r):
		return classRun
	case unicode.IsLetter(r), unicode.IsNumber(r):
		return classPlain
	case unicode.IsMark(r):
		return classMark
	}
	return classCut
}

var asciiClass = makeASCIIClass()

func makeASCIIClass() (t [128]class) {
	for c := range t {
		if isASCIIWord(byte(c)) {
			t[c] = classPlain
		}
	}
	t['.'], t[','], t['\''] = classPoint, classPoint, classApostrophe
	return t
}

func isASCIIWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isRunLetter takes numbers for tokens of their own, but for those that are
// letters too, such as 〇.
func isRunLetter(r rune) bool {
	if r < 0x0e00 {
		return false
	}
	if unicode.In(r, runScripts...) {
		return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.Is(unicode.Nl, r)
	}
	return unicode.Is(commonRunLetters, r)
}

func isApostrophe(r rune) bool {
	return r == '\'' || r == '‘' || r == '’' || r == 'ʼ' || r == '＇'
}

// foldsToPoint knows the forms of . and , that NFKC makes them of.
func foldsToPoint(r rune) bool {
	switch r {
	case '.', ',', '․', '﹐', '﹒', '，', '．':
		return true
	}
	return false
}

// isSpace counts the zero-width space in.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' }

// isDropped tells Unicode's default ignorable code points, which no one sees.
// A zero-width space is white space here.
func isDropped(r rune) bool { return classOf(r) == classDropped }

// IsBlank reports whether nothing in s can be seen.
func IsBlank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !isSpace(r) && !isDropped(r) })
}

func findDropped(r rune) bool {
	if r < 0xad || r == '\u200b' {
		return false
	}
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return true
	}
	return unicode.Is(unicode.Cf, r) && !isVisibleFormat(r)
}

// isVisibleFormat lists the format characters that are seen: interlinear
// annotation, hieroglyph joiners, and signs that stand before numbers.
func isVisibleFormat(r rune) bool {
	return 0xfff9 <= r && r <= 0xfffb || 0x13430 <= r && r <= 0x1343f ||
		unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// isDigit reports whether a point after r may belong to a number.
func isDigit(r rune) bool { return unicode.IsDigit(r) }

// foldsTo reports whether r is a form of the letter c, as fullwidth ones are.
func foldsTo(r rune, c byte) bool {
	if r < 0x80 {
		return byte(r)|0x20 == c
	}
	form := norm.NFKC.PropertiesString(string(r)).Decomposition()
	return len(form) == 1 && form[0]|0x20 == c
}
