package token_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/rule/token"
)

// show writes tokens with spaces between them: a form with marks after |, ~
// after a run.
func show(tokens []token.Token) string {
	var shown []string
	for _, t := range tokens {
		form := t.Plain
		if t.Marked != t.Plain {
			form += "|" + t.Marked
		}
		if t.Run {
			form += "~"
		}
		shown = append(shown, form)
	}
	return strings.Join(shown, " ")
}

func TestCut(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, text, want string }{
		{"case", "Nike CAFE", "nike cafe"},
		{"sign after a word", "Nike™ ©2020 ®", "nike 2020"},
		{"numbers", "3.14 1,000 1.2.3 1..2 .5 5.", "3.14 1,000 1.2.3 1 2 5 5"},
		{"fullwidth point", "３．１４", "3.14"},
		{"letters and numbers", "v2.0 a1.b2 1.a h2o", "v2.0 a1 b2 1 a h2o"},
		{"points between letters", "foo.bar U.S.A.", "foo bar u s a"},
		{"underscore and colon", "snake_case 12:30", "snake case 12 30"},
		{"contraction", "don't DON’T donʼt ｄｏｎ＇ｔ", "don't don't don't don't"},
		{"contraction inside", "didn't've don'ts n't 'nt", "didn't ve don ts n't nt"},
		{"other apostrophes", "Tesla's l'eau rock'n'roll", "tesla s l eau rock n roll"},
		{"marks", "Pokémon e\u0301te\u0301", "pokemon|pokémon ete|été"},
		{"no mark", "ø ł ı", "ø ł ı"},
		{"case folding", "STRASSE straße ΣΑΣ İ", "strasse strasse σασ i|i̇"},
		{"marks of Cyrillic", "ё й", "е|ё и|й"},
		{"marks of other scripts", "مَ שׁ", "مَ שׁ"},
		{"compatibility", "ｃａｆｅ ﬁn ①", "cafe fin 1"},
		{"superscript is apart", "x² H₂O", "x 2 h 2 o"},
		{"invisible", "co\u00adop a\u200db \ufeffcat ㅤ", "coop ab cat"},
		{"zero-width space", "a\u200bb", "a b"},
		{"hashtag", "#GoLang @Ann_B $BTC", "golang ann b btc"},
		{"emoji", "👍👍 I♥you ❤️❤", "👍 👍 i ♥ you ❤ ❤"},
		{"skin tone", "👍🏽 👍", "👍🏽 👍"},
		{"family", "👨‍👩‍👧👧", "👨\u200d👩\u200d👧 👧"},
		{"flags", "🇩🇪🇫🇷🇩", "🇩🇪 🇫🇷 🇩"},
		{"flag of tags", "🏴\U000e0067\U000e0062\U000e007f", "🏴\U000e0067\U000e0062\U000e007f"},
		{"keycap", "12️⃣#⃣*️⃣", "1 2⃣ #⃣ *⃣"},
		{"joiner after an emoji", "👍\u200da", "👍 a"},
		{"emoji of a letter", "Ⓜ️ix", "Ⓜ ix"},
		{"the sign for information", "ℹ️ wifiℹ i", "ℹ wifi ℹ i"},
		{"run apart from what it touches", "LG가 iPhoneを買った", "lg 가~ iphone を買った~"},
		{"run cut by punctuation", "東、京 東京", "東~ 京~ 東京~"},
		{"run over an invisible one", "東\u200d京", "東京~"},
		{"sound mark", "スーパー 人々", "スーパー~ 人々~"},
		{"halfwidth kana", "ﾃﾞｰﾀ", "データ~"},
		{"Hangul of letters", "한", "한~"},
		{"Thai", "ฉันเป็น ๒๕", "ฉันเป็น~ ๒๕"},
		{"Khmer, Lao, Myanmar", "ខ្មែរ ລາວ မြန်မာ", "ខ្មែរ~ ລາວ~ မြန်မာ~"},
		{"number in Han", "二〇二四", "二〇二四~"},
		{"white space", " \t\u00a0\u3000a\u2028b\n", "a b"},
		{"invalid UTF-8", "a\xffb \xe6\x9d", "a b"},
		{"nothing", "!!! … --", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := show(token.Cut(nil, c.text)); got != c.want {
				t.Errorf("Cut(%q)\n got %+q\nwant %+q", c.text, got, c.want)
			}
		})
	}
}

func TestCutSpans(t *testing.T) {
	t.Parallel()
	const text = "\u00adCo\u00adop, don’t 👍🏽! 東京\u0301;é"
	var got []string
	for _, tok := range token.Cut(nil, text) {
		got = append(got, text[tok.Start:tok.End])
	}
	want := []string{"Co\u00adop", "don’t", "👍🏽", "東京\u0301", "é"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stretches of tokens (-want +got):\n%s", diff)
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	cases := []struct{ text, plain, marked string }{
		{"Hello  World", "hello world", "hello world"},
		{"a\t\r\n b", "a b", "a b"},
		{"a \u200b b", "a b", "a b"},
		{"CAFÉ", "cafe", "café"},
		{"‘x’ ʼ", "'x' '", "'x' '"},
		{"ＡＢＣ", "abc", "abc"},
		{"so\u00adft", "soft", "soft"},
		{"👨‍👩‍👧 ❤️", "👨‍👩‍👧 ❤", "👨‍👩‍👧 ❤"},
		{"a\u200db", "ab", "ab"},
		{"東京タワー", "東京タワー", "東京タワー"},
		{"ﾊﾟﾝ", "パン", "パン"},
		{"\xff", "\ufffd", "\ufffd"},
	}
	for _, c := range cases {
		plain, marked := token.Fold(c.text)
		if plain != c.plain || marked != c.marked {
			t.Errorf("Fold(%q): got %q, %q, want %q, %q", c.text, plain, marked, c.plain, c.marked)
		}
	}
}
