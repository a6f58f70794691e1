package internal

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"riffle/pkg/config"
	"riffle/pkg/event"
	"riffle/pkg/ingest"
	"riffle/pkg/source/feed"
	"riffle/pkg/source/file"
	"riffle/pkg/source/jetstream"
	"riffle/pkg/source/mastodon"
	"riffle/pkg/source/sim"
	"riffle/pkg/source/twitter"
)

// opening is what an adapter is told.
type opening struct {
	url    string
	origin Origin
	stdin  io.Reader
	keys   config.TwitterKeys
	token  config.Secret // of Mastodon
}

// network is one kind of source: the schemes of its URLs, and how it is opened.
// Opening reads the URL and dials nothing.
type network struct {
	schemes []string
	open    func(o opening) (ingest.Source, error)
}

// networks are all kinds of source that there are.
var networks = []network{
	{[]string{"file"}, openFile},
	{[]string{"stdin"}, openStdin},
	{[]string{"sim"}, openSim},
	{[]string{"jetstream", "jetstream+ws"}, openJetstream},
	{[]string{"twitter"}, openTwitter},
	{[]string{"mastodon", "mastodon+http"}, openMastodon},
	{feed.Schemes, openFeed},
}

// CheckSource says what is wrong with a source's URL, or which keys it lacks.
func CheckSource(in *config.Input) error {
	_, err := OpenSource(in, strings.NewReader(""))
	return err
}

// OpenSource makes the adapter of a source.
func OpenSource(in *config.Input, stdin io.Reader) (ingest.Source, error) {
	return open(opening{
		url: in.Source.URL, origin: Origin{Source: string(in.Name), Audience: audienceOf(in)}, stdin: stdin, keys: in.Twitter, token: in.MastodonToken,
	}, in.Source.Scheme)
}

// audienceOf gives a source's audience as links are written.
func audienceOf(in *config.Input) (audience []string) {
	for _, account := range in.Audience {
		audience = append(audience, event.Account(account))
	}
	return audience
}

func open(o opening, scheme string) (ingest.Source, error) {
	var all []string
	for _, n := range networks {
		if slices.Contains(n.schemes, scheme) {
			return n.open(o)
		}
		all = append(all, n.schemes...)
	}
	return nil, fmt.Errorf("%q is no kind of source in this version; there are %s", scheme, strings.Join(all, ", "))
}

func openFile(o opening) (ingest.Source, error) {
	c, err := file.Parse(o.url)
	if err != nil {
		return nil, err
	}
	o.origin.Host = c.Host
	decoders, err := Decoders(c.Format, o.origin)
	if err != nil {
		return nil, err
	}
	return file.New(c, decoders), nil
}

func openStdin(o opening) (ingest.Source, error) {
	c, err := file.Parse(o.url)
	if err != nil {
		return nil, err
	}
	o.origin.Host = c.Host
	decoders, err := Decoders(c.Format, o.origin)
	if err != nil {
		return nil, err
	}
	return file.NewStdin(o.stdin, decoders), nil
}

func openSim(o opening) (ingest.Source, error) {
	c, err := sim.Parse(o.url)
	if err != nil {
		return nil, err
	}
	c.Name = o.origin.Source
	return sim.New(c)
}

func openJetstream(o opening) (ingest.Source, error) {
	c, err := jetstream.Parse(o.url)
	if err != nil {
		return nil, err
	}
	return jetstream.New(c), nil
}

func openMastodon(o opening) (ingest.Source, error) {
	c, err := mastodon.Parse(o.url)
	if err != nil {
		return nil, err
	}
	c.Token, c.Audience = string(o.token), o.origin.Audience
	return mastodon.New(c), nil
}

func openFeed(o opening) (ingest.Source, error) {
	c, err := feed.Parse(o.url)
	if err != nil {
		return nil, err
	}
	o.origin.Host = c.Address.Host
	decoders, err := Decoders(c.Format, o.origin)
	if err != nil {
		return nil, err
	}
	return feed.New(c, decoders), nil
}

func openTwitter(o opening) (ingest.Source, error) {
	c, err := twitter.Parse(o.url)
	if err != nil {
		return nil, err
	}
	if c.Keys, err = twitterKeys(&o.keys); err != nil {
		return nil, err
	}
	if c.OfOneAccount() && len(o.origin.Audience) == 0 {
		if c.Audience = c.Account(); c.Audience == "" {
			return nil, errors.New("twitter://user brings what one account sees, and the access token does not begin with the number of one; name it with --audience twitter:NUMBER")
		}
	}
	return twitter.New(c), nil
}

func twitterKeys(k *config.TwitterKeys) (twitter.Keys, error) {
	var missing []string
	for _, each := range []struct {
		variable string
		value    config.Secret
	}{
		{"RIFFLE_TWITTER_CONSUMER_KEY", k.ConsumerKey},
		{"RIFFLE_TWITTER_CONSUMER_SECRET", k.ConsumerSecret},
		{"RIFFLE_TWITTER_ACCESS_TOKEN", k.AccessToken},
		{"RIFFLE_TWITTER_ACCESS_TOKEN_SECRET", k.AccessTokenSecret},
	} {
		if each.value == "" {
			missing = append(missing, each.variable)
		}
	}
	if len(missing) > 0 {
		return twitter.Keys{}, fmt.Errorf("twitter: needs the keys of an app and an account, of which these are not set: %s; "+
			"set each, or the name with _FILE at its end to a file that holds it", strings.Join(missing, ", "))
	}
	return twitter.Keys{
		ConsumerKey: string(k.ConsumerKey), ConsumerSecret: string(k.ConsumerSecret),
		Token: string(k.AccessToken), TokenSecret: string(k.AccessTokenSecret),
	}, nil
}
