package jsonscan_test

import (
	"fmt"

	"riffle/pkg/jsonscan"
)

func ExampleScanner() {
	s := jsonscan.New([]byte(`{"id":17,"profile":{"colour":"blue","tiles":[1,2]},"name":"Ann \ud83c\udf3f","rest":"is left behind"}`))
	var arena jsonscan.Arena
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "id":
			id, ok := s.Int()
			fmt.Println(id, ok)
		case "name":
			fmt.Println(arena.Text(s.Str()))
		default:
			s.Skip()
		}
	}
	fmt.Println(s.End(), s.Mismatch(), arena.Bad())
	// Output:
	// 17 true
	// Ann 🌿
	// true false false
}
