package store

import (
	"fmt"

	"riffle/pkg/event"
)

// A dialect's mark is the one place that decides what kind an error is; a stage
// asks for the kind alone. Transient (pkg/retry): it may pass. This batch
// (event.ErrRefused): its frames are another's. This row (event.ErrRow): all else
// can be written without it. Any other is ours: nothing can be written, and no
// new try mends that.

// RowError says that the database refuses a row for what is in it: trying again
// is useless, and so is trying it together with others. It is event.ErrRow.
type RowError struct{ Err error }

func (e *RowError) Error() string { return "row refused: " + e.Err.Error() }
func (e *RowError) Unwrap() error { return e.Err }

// Is makes it event.ErrRow, which is what a stage asks for.
func (e *RowError) Is(target error) bool { return target == event.ErrRow }

// SchemaError says that the schema is not the one this binary works with.
type SchemaError struct{ Have, Want int64 }

func (e *SchemaError) Error() string {
	switch {
	case e.Have == 0:
		return "the store is empty: run `riffle migrate`"
	case e.Have < e.Want:
		return fmt.Sprintf("the store's schema is version %d, older than %d: run `riffle migrate`", e.Have, e.Want)
	}
	return fmt.Sprintf("the store's schema is version %d, newer than %d: this binary is too old", e.Have, e.Want)
}
