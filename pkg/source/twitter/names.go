package twitter

import "riffle/pkg/jsonscan"

// The fields that are used, of all objects of a message.
const (
	fieldOther = iota
	fieldID
	fieldIDStr
	fieldCreatedAt
	fieldText
	fieldFullText
	fieldTruncated
	fieldReplyID
	fieldReplyIDStr
	fieldReplyUser
	fieldReplyUserStr
	fieldReplyHandle
	fieldUser
	fieldReposted
	fieldQuoted
	fieldQuotedID
	fieldQuotedIDStr
	fieldExtendedTweet
	fieldEntities
	fieldExtendedEntities
	fieldSensitive
	fieldLang

	fieldHandle
	fieldName
	fieldFollowers
	fieldVerified

	fieldHashtags
	fieldSymbols
	fieldMentions
	fieldURLs
	fieldMedia

	fieldURL
	fieldExpanded
	fieldFile
	fieldType
	fieldAlt
	fieldVideo

	fieldMessage
	fieldTarget
	fieldSource
	// From here on a notice's kind is added.
	fieldNotice
)

// names are the fields of each kind of object in a message.
type names struct {
	status, extended, user, entities, tag, mention, link, medium *jsonscan.Fields
}

func newNames() *names {
	return &names{
		status: jsonscan.NewFields(statusNames()),
		extended: jsonscan.NewFields(map[string]int{
			"full_text": fieldFullText, "entities": fieldEntities, "extended_entities": fieldExtendedEntities,
		}),
		user: jsonscan.NewFields(map[string]int{
			"id": fieldID, "id_str": fieldIDStr, "screen_name": fieldHandle, "name": fieldName,
			"followers_count": fieldFollowers, "verified": fieldVerified,
		}),
		entities: jsonscan.NewFields(map[string]int{
			"hashtags": fieldHashtags, "symbols": fieldSymbols, "user_mentions": fieldMentions, "urls": fieldURLs,
			"media": fieldMedia,
		}),
		tag:     jsonscan.NewFields(map[string]int{"text": fieldText}),
		mention: jsonscan.NewFields(map[string]int{"screen_name": fieldText}),
		link:    jsonscan.NewFields(map[string]int{"url": fieldURL, "expanded_url": fieldExpanded}),
		medium: jsonscan.NewFields(map[string]int{
			"media_url_https": fieldFile, "url": fieldURL, "type": fieldType, "ext_alt_text": fieldAlt,
			"video_info": fieldVideo,
		}),
	}
}

// statusNames are the fields of a tweet, and those of the messages that are none.
func statusNames() map[string]int {
	numbers := map[string]int{
		"id": fieldID, "id_str": fieldIDStr, "created_at": fieldCreatedAt, "text": fieldText,
		"full_text": fieldFullText, "truncated": fieldTruncated,
		"in_reply_to_status_id": fieldReplyID, "in_reply_to_status_id_str": fieldReplyIDStr,
		"in_reply_to_user_id": fieldReplyUser, "in_reply_to_user_id_str": fieldReplyUserStr,
		"in_reply_to_screen_name": fieldReplyHandle, "user": fieldUser, "retweeted_status": fieldReposted,
		"quoted_status": fieldQuoted, "quoted_status_id": fieldQuotedID, "quoted_status_id_str": fieldQuotedIDStr,
		"extended_tweet": fieldExtendedTweet, "entities": fieldEntities, "extended_entities": fieldExtendedEntities,
		"possibly_sensitive": fieldSensitive, "lang": fieldLang,
		"message": fieldMessage, "target": fieldTarget, "source": fieldSource,
	}
	for name, kind := range noticeKinds {
		numbers[name] = fieldNotice + int(kind)
	}
	return numbers
}
