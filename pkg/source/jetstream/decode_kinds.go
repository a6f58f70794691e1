package jetstream

import (
	"riffle/pkg/event"
	"riffle/pkg/shrink"
)

// The names under which messages that are no posts are passed over.
var (
	overIdentity = &event.PassedOverError{Kind: "identity"}
	overAccount  = &event.PassedOverError{Kind: "account"}
	overSync     = &event.PassedOverError{Kind: "sync"}
	overInfo     = &event.PassedOverError{Kind: "info"}
	overOther    = &event.PassedOverError{Kind: "other_collection"}

	// By what became of an account.
	overStatuses = map[string]*event.PassedOverError{
		"takendown":      {Kind: "account_takendown"},
		"suspended":      {Kind: "account_suspended"},
		"deactivated":    {Kind: "account_deactivated"},
		"desynchronized": {Kind: "account_desynchronized"},
		"throttled":      {Kind: "account_throttled"},
	}

	// By collection, whatever the operation.
	overCollections = map[string]*event.PassedOverError{
		"app.bsky.actor.profile":            {Kind: "profile"},
		"app.bsky.actor.status":             {Kind: "status"},
		"app.bsky.feed.generator":           {Kind: "generator"},
		"app.bsky.feed.like":                {Kind: "like"},
		"app.bsky.feed.postgate":            {Kind: "postgate"},
		"app.bsky.feed.threadgate":          {Kind: "threadgate"},
		"app.bsky.graph.block":              {Kind: "block"},
		"app.bsky.graph.follow":             {Kind: "follow"},
		"app.bsky.graph.list":               {Kind: "list"},
		"app.bsky.graph.listblock":          {Kind: "listblock"},
		"app.bsky.graph.listitem":           {Kind: "listitem"},
		"app.bsky.graph.starterpack":        {Kind: "starterpack"},
		"app.bsky.graph.verification":       {Kind: "verification"},
		"app.bsky.labeler.service":          {Kind: "labeler"},
		"app.bsky.notification.declaration": {Kind: "notification_declaration"},
		"chat.bsky.actor.declaration":       {Kind: "chat_declaration"},
	}
)

// dismiss gives the error for what was read and is no post, nor a deletion;
// nil where it may be one.
func (d *Decoder) dismiss() error {
	switch kind := d.envelope.kind; {
	case kind.Is("commit"):
		return d.dismissCommit()
	case kind.Is("account"):
		return d.dismissAccount()
	case kind.Is("identity"):
		return overIdentity
	case kind.Is("sync"):
		return overSync
	case kind.Is("info"):
		return overInfo
	}
	return shrink.Reject(event.ReasonUnknown)
}

func (d *Decoder) dismissAccount() error {
	a := &d.envelope.account
	if a.active {
		return overAccount
	}
	status := d.draft.Arena.Text(a.status)
	if status == "deleted" {
		return nil
	}
	if over := overStatuses[status]; over != nil {
		return over
	}
	return overAccount
}

func (d *Decoder) dismissCommit() error {
	c := &d.commit
	if c.operation.Empty() || c.collection.Empty() {
		return shrink.Reject(event.ReasonUnknown)
	}
	if !c.collection.Is(collectionPost) && !c.collection.Is(collectionRepost) {
		if over := overCollections[d.draft.Arena.Text(c.collection)]; over != nil {
			return over
		}
		return overOther
	}
	if c.operation.Is("create") || c.operation.Is("update") || c.operation.Is("delete") {
		return nil
	}
	return shrink.Reject(event.ReasonUnknown)
}
