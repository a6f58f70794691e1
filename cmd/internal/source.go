package internal

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"riffle/pkg/config"
	"riffle/pkg/ingest"
	"riffle/pkg/source/file"
	"riffle/pkg/source/jetstream"
	"riffle/pkg/source/sim"
)

// opening is what an adapter is told.
type opening struct {
	url    string
	origin Origin
	stdin  io.Reader
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
}

// CheckSource says what is wrong with a source's URL, or which keys it lacks.
func CheckSource(in *config.Input) error {
	_, err := OpenSource(in, strings.NewReader(""))
	return err
}

// OpenSource makes the adapter of a source.
func OpenSource(in *config.Input, stdin io.Reader) (ingest.Source, error) {
	return open(opening{
		url: in.Source.URL, origin: Origin{Source: string(in.Name), Audience: in.Audience}, stdin: stdin,
	}, in.Source.Scheme)
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
