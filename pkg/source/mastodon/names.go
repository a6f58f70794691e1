package mastodon

import "riffle/pkg/jsonscan"

// The fields that are used, of all objects of a message.
const (
	fieldOther = iota
	fieldID
	fieldCreatedAt
	fieldEditedAt
	fieldReplyID
	fieldReplyAccount
	fieldSensitive
	fieldWarning
	fieldVisibility
	fieldLanguage
	fieldURL
	fieldURI
	fieldContent
	fieldAccount
	fieldReposted
	fieldQuote
	fieldMedia
	fieldMentions
	fieldTags
	fieldCard

	fieldAcct
	fieldName
	fieldFollowers

	fieldType
	fieldRemote
	fieldAlt
	fieldTitle
	fieldQuoted
	fieldQuotedID

	// Those that tell the objects of a stream apart.
	fieldEvent
	fieldPayload
	fieldConversation
	fieldNotification
	fieldAnnouncement
)

// names are the fields of each kind of object in a message.
type names struct {
	status, account, quote, medium, tag, card *jsonscan.Fields
}

func newNames() *names {
	return &names{
		status: jsonscan.NewFields(map[string]int{
			"id": fieldID, "created_at": fieldCreatedAt, "edited_at": fieldEditedAt,
			"in_reply_to_id": fieldReplyID, "in_reply_to_account_id": fieldReplyAccount,
			"sensitive": fieldSensitive, "spoiler_text": fieldWarning, "visibility": fieldVisibility,
			"language": fieldLanguage, "url": fieldURL, "uri": fieldURI, "content": fieldContent,
			"account": fieldAccount, "reblog": fieldReposted, "quote": fieldQuote,
			"media_attachments": fieldMedia, "mentions": fieldMentions, "tags": fieldTags, "card": fieldCard,

			"event": fieldEvent, "payload": fieldPayload,
			"last_status": fieldConversation, "unread": fieldConversation, "type": fieldNotification,
			"published_at": fieldAnnouncement, "starts_at": fieldAnnouncement, "reactions": fieldAnnouncement,
		}),
		account: jsonscan.NewFields(map[string]int{
			"id": fieldID, "acct": fieldAcct, "display_name": fieldName, "url": fieldURL, "followers_count": fieldFollowers,
		}),
		quote: jsonscan.NewFields(map[string]int{"quoted_status": fieldQuoted, "quoted_status_id": fieldQuotedID}),
		medium: jsonscan.NewFields(map[string]int{
			"type": fieldType, "url": fieldURL, "remote_url": fieldRemote, "description": fieldAlt,
		}),
		tag:  jsonscan.NewFields(map[string]int{"name": fieldName}),
		card: jsonscan.NewFields(map[string]int{"url": fieldURL, "title": fieldTitle}),
	}
}
