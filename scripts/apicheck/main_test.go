package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const document = `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/a":{"get":{
"parameters":[{"name":"p","in":"query","schema":{"type":"string"}}],
"responses":{"200":{"description":"d","content":{"application/json":{"schema":{"type":"object","required":["x"],"properties":{"x":{"type":"string"},
"error":{"type":"object","properties":{"code":{"type":"string","enum":["a"]}}},"y":{"type":"string","enum":["a"]}}}}}},
"304":{"description":"d"},"400":{"description":"d"}}}}}}`

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from, to string
		broken   bool
	}{
		"the same":                {`"/a"`, `"/a"`, false},
		"a field is added":        {`"properties":{"x"`, `"properties":{"z":{"type":"string"},"x"`, false},
		"an error has a new code": {`"code":{"type":"string","enum":["a"]}`, `"code":{"type":"string","enum":["a","b"]}`, false},
		"a field has a new value": {`"y":{"type":"string","enum":["a"]}`, `"y":{"type":"string","enum":["a","b"]}`, true},
		"a path is gone":          {`"/a"`, `"/b"`, true},
		"a field has a new type":  {`"x":{"type":"string"}`, `"x":{"type":"integer"}`, true},
		"a field is gone":         {`"x":{"type":"string"},`, ``, true},
		"a parameter is gone":     {`"name":"p"`, `"name":"q"`, true},
		"304 is gone":             {`"304":{"description":"d"},`, ``, true},
		"a failure is gone":       {`,"400":{"description":"d"}`, ``, false},
		"a parameter is needed":   {`"name":"p",`, `"name":"p","required":true,`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			before, after := filepath.Join(dir, "before.json"), filepath.Join(dir, "after.json")
			for file, text := range map[string]string{before: document, after: strings.Replace(document, test.from, test.to, 1)} {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var said strings.Builder
			broken, err := check(before, after, &said)
			if err != nil || (broken > 0) != test.broken || (said.Len() > 0) != test.broken {
				t.Errorf("got %d broken, %v, want some: %t\n%s", broken, err, test.broken, &said)
			}
		})
	}
}
