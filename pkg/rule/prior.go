package rule

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"riffle/pkg/rule/token"
)

// commonWords are the words that posts hold most often, with the share of posts
// that do: measured over the mixed posts of several networks, each of which
// counted the same. A rule is filed under its rarest word, so only the order of
// magnitude matters, and only that of common words.
var commonWords = []struct {
	share float32
	words string
}{
	{0.25, "the a to of"},
	{0.17, "i and in is"},
	{0.11, "it for you that s this on"},
	{0.06, "with be but so de my we at me not are an now was com have https que"},
	{0.04, `your out just can if die more like no as by m und do all from they what der
		will about re or la en el y e`},
	{0.025, `get here up how one new there people 2 das 1 when don't our who also know would
		time some has am es 3 mit nicht he ich o t rt it's i'm`},
	{0.015, `still good why ist them see into eine post only app von thanks r den think should
		want these posts other d go 5 ve ein been today first need love zu auf please really
		use 4 much game us auch dass had because which than im after day their des 10 make
		als even video thank very news best great back right man 20 got over could way work
		year too being live his da then any ll off while going where lol se did u same open
		read los por un para con del les le et est je di che non na si lo te mi un una`},
	{0.008, `aber sich well say many show most wird aus eu um thing another wie were follow
		update users dem let every better last those help 6 www big can't data using media
		world team play its take 7 sure sind two never find oh twitter him sie does things via
		look youtube c before little release project 11 working full come nur lot watch everyone
		actually yes code something feel 8 done n always life again try posted already link
		person next playing happy net down real long support between war v check anyone used
		might makes set making own made io free co she years around doing different said ever
		probably looking hope music thought share her days may bit part 24 12 point course end
		online keep getting name art 30 job amazing less games each old looks future ok give
		super ja ya black having friends stop tell dont yet como god w bad such someone says
		join since talk through enough found home high week call test both details few photo
		wrong though once soon guess sorry top else trying anything cool coming start pretty
		nice change place fuck hey true maybe left sad until nothing guys breaking yeah shit
		p j l b x k tu su es os mais eu voce como mas foi sem ao au pour dans pas sur qui
		vous il ne plus ce il gli per sono ma ve bir bu da için من في على и в не на я что с
		😂 ❤ 😭 ✨ 🔥 😍 👍 🙏`},
}

const (
	rareWord         = 0.0001
	wordInProportion = 0.003 // of one letter, divided by three for each more
)

// chances are the shares of commonWords by the hash of the word.
var chances = makeChances()

func makeChances() map[uint64]float32 {
	m := make(map[uint64]float32)
	for _, level := range commonWords {
		for _, w := range strings.Fields(level.words) {
			if hash := token.Hash(w); m[hash] == 0 {
				m[hash] = level.share
			}
		}
	}
	return m
}

// isCommonHash reports whether a word is in the table.
func isCommonHash(hash uint64) bool { return chances[hash] > 0 }

// wordChance estimates the share of posts that hold a word.
func wordChance(form string) float32 {
	if share := chances[token.Hash(form)]; share > 0 {
		return share
	}
	chance := float32(wordInProportion)
	for range utf8.RuneCountInString(form) - 1 {
		chance /= 3
	}
	return max(chance, rareWord)
}

// letterChance is that of one letter of a run.
func letterChance(r rune) float32 {
	switch {
	case unicode.Is(unicode.Hiragana, r), r == 'ー':
		return 0.015
	case unicode.In(r, unicode.Katakana, unicode.Thai, unicode.Myanmar, unicode.Khmer, unicode.Lao):
		return 0.005
	case unicode.Is(unicode.Hangul, r):
		return 0.003
	}
	return 0.001
}

// commonLinks are the tokens that most links have.
var commonLinks = map[string]float32{
	"com": 0.2, "www": 0.1, "twitter": 0.1, "status": 0.1, "co": 0.05, "t": 0.05, "org": 0.03,
	"youtube": 0.03, "watch": 0.03, "v": 0.03, "net": 0.02, "bsky": 0.02, "app": 0.02, "html": 0.02,
	"news": 0.02, "utm": 0.02, "source": 0.02, "media": 0.01, "instagram": 0.02, "facebook": 0.01,
	"photo": 0.03, "1": 0.03, "p": 0.02, "https": 0.01, "en": 0.01, "be": 0.01, "ly": 0.01,
}

func linkChance(form string) float32 { return max(commonLinks[form], 0.0005) }

// gramChance multiplies the chances of bytes; those of letters by how often
// English has them.
func gramChance(gram string) float32 {
	chance := float32(1)
	for i := range len(gram) {
		chance *= byteChance(gram[i])
	}
	return min(20*chance, 0.5) // of twenty words
}

func byteChance(c byte) float32 {
	switch {
	case c == ' ':
		return 0.5
	case c >= utf8.RuneSelf:
		return 0.1
	case strings.IndexByte("etaoinsrh", c) >= 0:
		return 0.4
	case 'a' <= c && c <= 'z':
		return 0.15
	}
	return 0.05
}

// chance estimates the share of events that satisfy a term which is no word.
func (t *term) chance() float32 {
	switch t.op {
	case opLang:
		return langChance(t.value)
	case opNetwork, opSource:
		return 0.4
	case opIs, opHas:
		return factChances[t.what]
	case opFollowers:
		return followersChance(t.low)
	case opSample:
		return float32(t.low) / 100
	case opHashtag, opCashtag, opMention:
		return 0.001
	case opRepostsOf:
		return 0.0001
	case opFrom, opTo, opConversation:
		return 0.00001
	case opText:
		if len(t.words) == 1 {
			return t.words[0].condition(knowledge{}).chance
		}
	}
	return 0
}

var factChances = [...]float32{
	factPost: 0.4, factReply: 0.3, factRepost: 0.3, factQuote: 0.1, factVerified: 0.05,
	factLinks: 0.3, factHashtags: 0.2, factCashtags: 0.005, factMentions: 0.5,
	factMedia: 0.3, factImages: 0.25, factVideo: 0.05, factAlt: 0.1,
}

func langChance(tag string) float32 {
	switch tag {
	case "en":
		return 0.4
	case "ja", "es", "pt":
		return 0.15
	}
	return 0.03
}

// followersChance halves for every tenfold from a hundred on.
func followersChance(low int64) float32 {
	chance := float32(0.9)
	for ; low > 100; low /= 10 {
		chance /= 2.5
	}
	return chance
}
