package jsonscan_test

import (
	"strings"
	"testing"

	"riffle/pkg/jsonscan"
)

// account is a flat object with a few escapes, like those in a tweet.
var account = `{"id":1,"name":"A\u00e9 B","url":"https:\/\/example.org\/x","description":"some words, and \"more\" of them",` +
	strings.Repeat(`"profile_background_color":"C0DEED","profile_use_background_image":true,"statuses_count":1234,`, 8) + `"end":null}`

func BenchmarkSkip(b *testing.B) {
	data := []byte(account)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s := jsonscan.New(data)
		if s.Skip(); !s.End() {
			b.Fatal("not whole")
		}
	}
}

func BenchmarkSkipRest(b *testing.B) {
	data := []byte(account)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s := jsonscan.New(data)
		s.Object()
		s.Key()
		s.Skip()
		s.NextField()
		s.Key()
		s.Skip()
		if s.SkipRest(); !s.End() {
			b.Fatal("not whole")
		}
	}
}

func BenchmarkFields(b *testing.B) {
	data := []byte(account)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s := jsonscan.New(data)
		for more := s.Object(); more; more = s.NextField() {
			s.Key()
			s.Skip()
		}
		if !s.End() {
			b.Fatal("not whole")
		}
	}
}
