package write

import (
	"context"

	"riffle/pkg/event"
)

// forget deletes all that some accounts wrote. That they are deleted is
// committed first, so that whoever writes a post of theirs from then on sees
// it; what was written before is there to be found, or being written, which
// Written waits for.
func (w *Writer) forget(ctx context.Context, claims []event.Delivery, accounts []Account) error {
	if err := w.dialect.MarkAccounts(ctx, claims, accounts); err != nil {
		return err
	}
	for i := range accounts {
		if err := w.sweep(ctx, claims, accounts[i]); err != nil {
			return err
		}
	}
	return nil
}

// sweep deletes an account's events, those it finds at once in one transaction.
func (w *Writer) sweep(ctx context.Context, claims []event.Delivery, a Account) error {
	for after := int64(0); ; {
		found, err := w.dialect.Written(ctx, a, after, maxRows)
		if err != nil || len(found) == 0 {
			return err
		}
		after = found[len(found)-1].Seq
		p := part{claims: claims}
		for i := range found {
			if wrote(a, &found[i]) {
				p.pieces = append(p.pieces, piece{id: found[i].ID, version: a.Version, deleted: true})
			}
		}
		if err := w.part(ctx, &p); err != nil {
			return err
		}
	}
}

// wrote tells the account's events from those of another whose hash is the
// same. What can't be read is taken for the account's: a deletion must not
// leave anything behind.
func wrote(a Account, e *Event) bool {
	ev, err := event.ParseJSON(e.Body)
	return err != nil || ev.AuthorKey() == a.Key
}
