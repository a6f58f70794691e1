package twittertest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// The example of Twitter's own page "Creating a signature".
func TestSignature(t *testing.T) {
	t.Parallel()
	oauth := map[string]string{
		"oauth_consumer_key": "xvz1evFS4wEEPTGEFPHBog", "oauth_nonce": "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
		"oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": "1318622958",
		"oauth_token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", "oauth_version": "1.0", "oauth_signature": "x",
	}
	form := url.Values{"include_entities": {"true"}, "status": {"Hello Ladies + Gentlemen, a signed OAuth request!"}}
	got := sign("POST", "https://api.twitter.com/1.1/statuses/update.json", parameters(oauth, form),
		"kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE")
	if want := "hCtSmYh+iHYCEqBWrE7C7hYmtUk="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	for _, header := range []string{
		"", "Bearer x", `OAuth oauth_consumer_key="` + ConsumerKey + `"`, `OAuth oauth_signature="%zz"`,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/1.1/statuses/filter.json", strings.NewReader("track=tea"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", header)
		New().serve(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%q: got status %d", header, w.Code)
		}
	}
}
