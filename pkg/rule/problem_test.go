package rule

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told writes problems as "code offset+length", with the hint where the case
// asks for it.
func told(problems []Problem, warnings bool) []string {
	list := []string{}
	for _, p := range problems {
		if p.Warning == warnings {
			list = append(list, fmt.Sprintf("%s %d+%d", p.Code, p.Offset, p.Length))
		}
	}
	return list
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cases := []struct {
		rule string
		want []string
		hint string // of the first
	}{
		{"", []string{"empty_rule 0+0"}, "coffee"},
		{" \t\u3000\u200b", []string{"empty_rule 0+8"}, "coffee"},
		{"()", []string{"empty_rule 0+2"}, "coffee"},
		{"cat -( ) dog", []string{"empty_rule 5+3"}, "coffee"},
		{strings.Repeat("x", 2049), []string{"too_long 2048+1"}, "several rules"},
		{strings.Repeat("x ", 255) + "x y z", []string{"too_many_terms 512+1"}, "several rules"},
		{strings.Repeat("(", 33) + "x" + strings.Repeat(")", 33), []string{"too_deep 32+1"}, "leave out"},
		{"(cat", []string{"unbalanced_parenthesis 0+1"}, "write )"},
		{"cat (dog (cow)", []string{"unbalanced_parenthesis 4+1"}, "write )"},
		{"cat) dog)", []string{"unbalanced_parenthesis 3+1", "unbalanced_parenthesis 8+1"}, "remove it"},
		{`"open`, []string{"unterminated_quote 0+1"}, `"`},
		{"cat “open", []string{"unterminated_quote 4+3"}, `"`},
		{`from:"nasa`, []string{"unterminated_quote 5+1"}, `"`},
		{"OR", []string{"dangling_or 0+2"}, "cat OR dog"},
		{"OR cat", []string{"dangling_or 0+2"}, "cat OR dog"},
		{"cat OR", []string{"dangling_or 4+2"}, "cat OR dog"},
		{"cat OR OR dog", []string{"dangling_or 4+2", "dangling_or 7+2"}, "cat OR dog"},
		{"(cat OR) dog", []string{"dangling_or 5+2"}, "cat OR dog"},
		{"AND cat", []string{"dangling_and 0+3"}, "cat AND dog"},
		{"cat AND", []string{"dangling_and 4+3"}, "cat AND dog"},
		{"cat AND OR dog", []string{"dangling_and 4+3"}, "cat AND dog"},
		{"cat AND AND dog", []string{"dangling_and 4+3", "dangling_and 8+3"}, "cat AND dog"},
		{"cat - dog", []string{"dangling_minus 4+1"}, "-dog"},
		{"cat -", []string{"dangling_minus 4+1"}, "-dog"},
		{"(cat -)", []string{"dangling_minus 5+1"}, "-dog"},
		{"cat --dog", []string{"dangling_minus 4+1"}, "-dog"},
		{"cat -OR dog", []string{"dangling_minus 4+1"}, "-dog"},
		{"cat -AND dog", []string{"dangling_minus 4+1"}, "-dog"},
		{"frm:nasa", []string{"unknown_operator 0+3"}, "from:"},
		{"cat -retweet_of:ann", []string{"unknown_operator 5+10"}, "retweets_of:"},
		{"NETWROK:x", []string{"unknown_operator 0+7"}, "network:"},
		{"frm:", []string{"unknown_operator 0+3"}, "from:"},
		{"from: nasa", []string{"bad_value 0+4"}, "from:nasa"},
		{"from: @Ann@example.org", []string{"bad_value 0+4"}, "from:@Ann@example.org"},
		{"from: is:odd", []string{"bad_value 0+4", "bad_value 9+3"}, "from:ann"},
		{"from: OR cat", []string{"bad_value 0+4"}, "from:ann"},
		{"from: -cat", []string{"bad_value 0+4"}, "from:ann"},
		{"from: #cat", []string{"bad_value 0+4"}, "from:ann"},
		{"from: na*", []string{"bad_value 0+4", "prefix_too_short 6+3"}, "from:ann"},
		{"cat is: odd", []string{"bad_value 4+2"}, "is:reply"},
		{"cat followers: 50", []string{"bad_value 4+9"}, "followers:50"},
		{"conversation: twitter:21", []string{"bad_value 0+12", "unknown_operator 14+7"}, "conversation:twitter:20"},
		{"cat from:", []string{"bad_value 4+4"}, "from:ann"},
		{`to:""`, []string{"bad_value 0+2"}, "to:ann"},
		{"from:(ann OR bob)", []string{"bad_value 0+4"}, "from:ann"},
		{"cat is:odd", []string{"bad_value 7+3"}, "is:post"},
		{`cat has:"vidoe"`, []string{"bad_value 9+5"}, "has:video"},
		{"cat lang:english", []string{"bad_value 9+7"}, "lang:en"},
		{"cat lang:jp", []string{"bad_value 9+2"}, "lang:ja"},
		{"cat lang:pt_BR", []string{"bad_value 9+5"}, "lang:pt-br"},
		{"cat followers:9..1", []string{"bad_value 14+4"}, "followers:10..20"},
		{"cat followers:..", []string{"bad_value 14+2"}, "followers:10..20"},
		{"cat followers:1k", []string{"bad_value 14+2"}, "followers:1000.."},
		{"cat followers:-5", []string{"bad_value 14+2"}, "followers:1000.."},
		{"cat followers:99999999999999999999", []string{"bad_value 14+20"}, "followers:1000.."},
		{"cat min_followers:1..2", []string{"bad_value 18+4"}, "min_followers:1000"},
		{"cat sample:0", []string{"bad_value 11+1"}, "sample:10"},
		{"cat sample:101", []string{"bad_value 11+3"}, "sample:10"},
		{"cat -sample:5", []string{"bad_value 12+1"}, "without a minus"},
		{"cat -(dog -(cow sample:5))", []string{"bad_value 23+1"}, "without a minus"},
		{`"a b"~x`, []string{"bad_value 0+7"}, `"a b"~3`},
		{`"a b"~0`, []string{"bad_value 0+7"}, `"a b"~3`},
		{`"a b"~11`, []string{"bad_value 0+8"}, `"a b"~3`},
		{`cat -"a b"~`, []string{"bad_value 5+6"}, `"a b"~3`},
		{`"a"~2`, []string{"bad_value 0+5"}, `"a"`},
		{"!!!", []string{"bad_value 0+3"}, "contains:!!!"},
		{`cat "..."`, []string{"bad_value 4+5"}, "contains:..."},
		{"cat -#!", []string{"bad_value 5+2"}, "#name"},
		{"@", []string{"bad_value 0+1"}, "@name"},
		{"$", []string{"bad_value 0+1"}, "a word"},
		{`from:"a b"`, []string{"bad_value 6+3"}, "ann@example.org"},
		{"from:@", []string{"bad_value 5+1"}, "ann@example.org"},
		{"cat source:!!!", []string{"bad_value 11+3"}, "source:jetstream"},
		{"cat network:\"\u00ad\"", []string{"bad_value 13+2"}, "network:bluesky"},
		{"conversation:...", []string{"bad_value 13+3"}, "twitter:20"},
		{"url:://", []string{"bad_value 4+3"}, "url:example.org"},
		{"http:", []string{"bad_value 0+4"}, "url:example.org"},
		{"http: x.org", []string{"bad_value 0+4"}, "url:x.org"},
		{"cat -HTTPS://", []string{"bad_value 5+5"}, "url:example.org"},
		{`https:"// "`, []string{"bad_value 0+5"}, "url:example.org"},
		{"https://x.org/*", []string{"bad_value 6+9"}, "cat*"},
		{"https://...", []string{"bad_value 6+5"}, "url:"},
		{"contains:x", []string{"bad_value 9+1"}, "contains:"},
		{`contains:"  "`, []string{"bad_value 0+8"}, "contains:"},
		{"c*t", []string{"bad_value 0+3"}, "cat*"},
		{"*", []string{"bad_value 0+1"}, "cat*"},
		{"cat**", []string{"bad_value 0+5"}, "cat*"},
		{"cat!*", []string{"bad_value 0+5"}, "cat*"},
		{`"new* york"`, []string{"bad_value 0+11"}, "cat*"},
		{"#go*", []string{"bad_value 0+4"}, "cat*"},
		{"from:na*", []string{"bad_value 5+3"}, "cat*"},
		{"ca*", []string{"prefix_too_short 0+3"}, "longer"},
		{`cat -"new yo*"`, []string{"prefix_too_short 5+9"}, "longer"},
		{"東京*", []string{"prefix_too_short 0+7"}, "longer"},
		{"👍👍👍*", []string{"prefix_too_short 0+13"}, "longer"},
		{"/open", []string{"bad_regex 0+5"}, `"open"`},
		{"cat -/x/y", []string{"bad_regex 5+4"}, `"/x/y"`},
		{"/x/(y)", []string{"bad_regex 0+3"}, `"/x/"`},
		{"//", []string{"bad_regex 0+2"}, "/colou?r/"},
		{"/" + strings.Repeat("x", 257) + "/", []string{"bad_regex 0+259"}, "/colou?r/"},
		{"/a(b/", []string{"bad_regex 0+5"}, `\(`},
		{"/(((a{9}){9}){9}){9}/", []string{"bad_regex 0+21"}, "repeat less"},
		{"/[a-z]{1,1000}/", []string{"bad_regex 0+15"}, "repeat less"},
		{"/a{1001}/", []string{"bad_regex 0+9"}, "at most 1000"},
		{"/a{2,1}/", []string{"bad_regex 0+8"}, "smaller number first"},
		{"has:images lang:en", []string{"no_selective_term 0+18"}, "word"},
		{"cat OR -dog", []string{"no_selective_term 7+4"}, "word"},
		{"-cat OR dog OR (is:reply lang:en)", []string{"no_selective_term 0+4", "no_selective_term 15+18"}, "word"},
		{"-(a -b)", []string{"no_selective_term 2+1"}, "word"},
		{"has:images (cat OR -dog)", []string{"no_selective_term 19+4"}, "word"},
		{"sample:10", []string{"no_selective_term 0+9"}, "word"},
		{" has:images ", []string{"no_selective_term 1+10"}, "word"},
		{" has:images  lang:en\n", []string{"no_selective_term 1+19"}, "word"},
		{"cat OR -(dog bird)", []string{"no_selective_term 7+11"}, "word"},
		{"cat OR -(dog -cow (bird -owl))", []string{"no_selective_term 7+23"}, "word"},
		{"cat OR (cow OR -(dog bird)) OR -owl", []string{"no_selective_term 15+11", "no_selective_term 31+4"}, "word"},
		{"-(-(cat OR -dog) -cow)", []string{"no_selective_term 11+4"}, "word"},
		{"-(-cat (dog bird))", []string{"no_selective_term 7+10"}, "word"},

		// Several at once, in the order of the rule.
		{
			`(frm:x OR is:odd ca* "open`,
			[]string{"unbalanced_parenthesis 0+1", "unknown_operator 1+3", "bad_value 13+3", "prefix_too_short 17+3", "unterminated_quote 21+1"},
			"write )",
		},
	}
	for _, c := range cases {
		expr, problems := Parse(c.rule)
		if expr != nil {
			t.Errorf("Parse(%q): got an expression beside errors", c.rule)
		}
		if diff := cmp.Diff(c.want, told(problems, false)); diff != "" {
			t.Errorf("Parse(%q): errors (-want +got):\n%s", c.rule, diff)
			continue
		}
		if !strings.Contains(problems[0].Hint, c.hint) {
			t.Errorf("Parse(%q): got hint %q, want %q in it", c.rule, problems[0].Hint, c.hint)
		}
		for _, p := range problems {
			if p.Message == "" || p.Hint == "" {
				t.Errorf("Parse(%q): %s has no message or no hint", c.rule, p.Code)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	cases := []struct {
		rule string
		want []string
	}{
		{"cat or dog", []string{"lowercase_or 4+2"}},
		{"cat And dog NOT cow Or x", []string{"lowercase_or 4+3", "lowercase_or 12+3", "lowercase_or 20+2"}},
		{`cat "or" dog`, []string{}},
		{"cat AND dog", []string{"explicit_and 4+3"}},
		{"https://example.org/x", []string{"bare_url 0+21"}},
		{"cat -http://example.org", []string{"bare_url 5+18"}},
		{"a -a", []string{"always_false 3+1"}},
		{"-cat cat", []string{"always_false 5+3"}},
		{`"new york" -york`, []string{"always_false 12+4"}},
		{"cat -cat*", []string{"always_false 5+4"}},
		{"café -cafe", []string{"always_false 7+4"}},
		{"cat is:post is:reply", []string{"always_false 12+8"}},
		{"cat is:reply is:quote", []string{}},
		{"cat followers:..5 followers:10..", []string{"always_false 18+14"}},
		{"cat network:x network:y", []string{"always_false 14+9"}},
		{"dog OR (a -a)", []string{"always_false 11+1"}},
		{"-(a OR -a) b", []string{"always_false 8+1"}},
		{"a b a", []string{"redundant_term 4+1"}},
		{"a OR b OR A", []string{"redundant_term 10+1"}},
		{"cat cat*", []string{"redundant_term 4+4"}},
		{"cat OR cat*", []string{"redundant_term 0+3"}},
		{`"new york" new`, []string{"redundant_term 11+3"}},
		{`b -new -"new york"`, []string{"redundant_term 8+10"}},
		{"東京都 東京", []string{"redundant_term 10+6"}},
		{"cat lang:pt lang:pt-BR", []string{"redundant_term 4+7"}},
		{"cat sample:10 sample:20", []string{"redundant_term 14+9"}},
		{"cat has:images has:media", []string{"redundant_term 15+9"}},
		{"cat followers:10..20 followers:5..", []string{"redundant_term 21+13"}},
		{"from:ann.example.org", []string{"unresolved_handle 5+15"}},
		{"cat -from:@Ann.Example.org.", []string{"unresolved_handle 10+17"}},
		{`cat TO:"ann-2.example"`, []string{"unresolved_handle 8+13"}},
		{"retweets_of:ann.example", []string{"unresolved_handle 12+11"}},
		{"cat @ann.example.org! dog", []string{"unresolved_handle 4+17"}},
		{"from:ann@example.org to:did:web:example.org @ann@example.org", []string{}},
		{"from:ann reposts_of:ann_x.example to:1.5 @ann..example @-x.example #a.example", []string{}},
		{"conversation:example.org url:example.org contains:example.org", []string{}},
		{"(a b) OR (a c)", []string{}},
		{"cat dog", []string{}},
	}
	for _, c := range cases {
		expr, problems := Parse(c.rule)
		if expr == nil {
			t.Errorf("Parse(%q): refused: %v", c.rule, problems)
			continue
		}
		if diff := cmp.Diff(c.want, told(problems, true)); diff != "" {
			t.Errorf("Parse(%q): warnings (-want +got):\n%s", c.rule, diff)
		}
	}
}

func TestLimitsMayBeReached(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		strings.Repeat("x", 2048),
		strings.Repeat("x ", 256),
		strings.Repeat("(", 32) + "x" + strings.Repeat(")", 32),
		"/" + strings.Repeat("x", 256) + "/",
		`"a b"~10`, `"a b"~1`, "cat sample:1", "cat sample:100", "cat followers:5..5",
		"contains:ab", "contains:東京", "cat*", "東京都*", "c3p*",
	} {
		if expr, problems := Parse(rule); expr == nil {
			t.Errorf("Parse(%.40q): refused: %v", rule, problems)
		}
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	cases := []struct{ rule, want string }{
		{"Coffee  TEA", "coffee tea"},
		{"apple OR iphone ipad", "apple OR (iphone ipad)"},
		{"(apple OR (iphone)) ((ipad))", "(apple OR iphone) ipad"},
		{"a (b c) (d OR (e OR f))", "a b c (d OR e OR f)"},
		{"a AND b -(c)", "a b -c"},
		{"-(-a -b)", "-(-a -b)"},
		{"a -(-b)", "a b"},
		{`"cat" "New  York!"`, `cat "new york"`},
		{`cat(dog)"a b"`, `cat dog "a b"`},
		{"“new york”~3", `"new york"~3`},
		{"coca-cola", `"coca cola"`},
		{"LG전자", `"lg 전자"`},
		{"👍👍 ❤️", `"👍 👍" ❤`},
		{"CAFÉ Naïve ｃａｆｅ", "café naïve cafe"},
		{`"or" OR "AND" "not"`, `"or" OR ("and" "not")`},
		{"C++ $100", "c 100"},
		{`"the cat*" -Kat*`, `"the cat*" -kat*`},
		{"#GoLang! $BTC, @Ann:", "#golang $btc @ann"},
		{`FROM:"@Ann" retweets_of:Bob. to:did:plc:X`, "from:ann reposts_of:bob to:did:plc:x"},
		{`url:"HTTPS://bob:pw@GitHub.com:443/A%20b?c#d"`, `url:"github.com/a b?c"`},
		{"https://xn--r8jz45g.jp/x", "url:例え.jp/x"},
		{"http:foo.com", "url:foo.com"},
		{`HTTP:"//x.org:80/a b#c"`, `url:"x.org/a b"`},
		{"https://user@https.org/http", "url:https.org/http"},
		{"conversation_id:twitter:20", "conversation:twitter:20"},
		{"cat lang:IW lang:pt-BR", "cat lang:he lang:pt-br"},
		{"cat is:retweet -has:video_link", "cat is:repost -has:video"},
		{"cat followers_count:5 min_followers:7 followers:..9 followers:1..2", "cat followers:5.. followers:7.. followers:..9 followers:1..2"},
		{"cat followers:0..", "cat followers:0.."},
		{"cat sample:010", "cat sample:10"},
		{`contains:C++ contains:"A  b"`, `contains:c++ contains:"a b"`},
		{`/Colou?r/ cat`, `/Colou?r/ cat`},
		{"don’t 3.14", "don't 3.14"},
		{"½ ﷺ", "½ ﷺ"},
		{"12:30", `"12 30"`},
	}
	for _, c := range cases {
		expr, problems := Parse(c.rule)
		if expr == nil {
			t.Errorf("Parse(%q): refused: %v", c.rule, problems)
			continue
		}
		if got := expr.Canonical(); got != c.want {
			t.Errorf("Canonical of %q: got %q, want %q", c.rule, got, c.want)
		}
	}
}
