package jsonscan

import (
	"math/rand/v2"
	"testing"
)

// The two ways to classify agree about every byte at every place, and about
// blocks of any bytes.
func TestClassifyAsByWords(t *testing.T) {
	t.Parallel()
	check := func(p *[64]byte) {
		t.Helper()
		quotes, slashes, hits := classify(p)
		wantQuotes, wantSlashes, wantHits := classifyWords(p)
		if quotes != wantQuotes || slashes != wantSlashes || hits != wantHits {
			t.Fatalf("%q: got %x %x %x, want %x %x %x", p[:], quotes, slashes, hits, wantQuotes, wantSlashes, wantHits)
		}
	}
	for place := range 64 {
		for c := range 256 {
			var p [64]byte
			p[place] = byte(c)
			check(&p)
		}
	}
	random := rand.NewChaCha8([32]byte{})
	for range 10_000 {
		var p [64]byte
		_, _ = random.Read(p[:])
		check(&p)
	}
}

// What classifyWords says of a block is what each byte is.
func TestClassifyWords(t *testing.T) {
	t.Parallel()
	var p [64]byte
	for i := range 4 {
		for j := range p {
			p[j] = byte(64*i + j)
		}
		quotes, slashes, hits := classifyWords(&p)
		for j, c := range p {
			got := [3]bool{quotes>>j&1 == 1, slashes>>j&1 == 1, hits>>j&1 == 1}
			want := [3]bool{c == '"', c == '\\', c >= '[' && c <= '_' || c >= '{' && c < 0x80}
			if got != want {
				t.Errorf("%q: got %v, want %v (quote, backslash, bracket)", c, got, want)
			}
		}
	}
}
