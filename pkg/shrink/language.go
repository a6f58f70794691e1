package shrink

// Language gives a language tag as other networks would write it: the outdated
// codes of Indonesian and Hebrew replaced, and empty for what says that there is
// no known language, such as Twitter's und, zxx and qme.
func Language(tag string) string {
	switch tag {
	case "in":
		return "id"
	case "iw":
		return "he"
	case "und", "zxx", "mul", "mis":
		return ""
	}
	// qaa to qtz are for private use; Twitter writes qht for a tweet of hashtags
	// alone and so on.
	if len(tag) == 3 && tag[0] == 'q' && tag[1] >= 'a' && tag[1] <= 't' {
		return ""
	}
	return tag
}
