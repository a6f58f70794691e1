package twitter_test

import (
	"errors"
	"fmt"

	"riffle/pkg/event"
	"riffle/pkg/source/twitter"
)

func ExampleDecoder_Decode() {
	messages := []string{
		`{"created_at":"Wed Apr 27 18:08:07 +0000 2016","id_str":"7","text":"Tide &amp; gulls http://t.co/a",` +
			`"user":{"id_str":"12","screen_name":"ann"},"entities":{"urls":[{"url":"http://t.co/a","expanded_url":"http://example.org/tide"}]}}`,
		`{"delete":{"status":{"id_str":"7"}}}`,
		`{"limit":{"track":3}}`,
		`{"text":"nobody's"}`,
	}
	decoder := twitter.NewDecoder()
	var ev event.Event
	for _, msg := range messages {
		err := decoder.Decode(&ev, []byte(msg))
		var over *event.PassedOverError
		switch {
		case errors.As(err, &over):
			fmt.Println("passed over:", over.Kind)
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Printf("%s %v %q\n", ev.Key, ev.Deleted, ev.Text)
		}
	}
	// Output:
	// twitter:7 false "Tide & gulls http://example.org/tide"
	// twitter:7 true ""
	// passed over: limit
	// event: rejected: no_id
}
