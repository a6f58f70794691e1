package obs

// Names of log fields. One fact has one name in every component, so that a
// search for it finds all lines.
const (
	Stage     = "stage"
	Component = "component"
	Source    = "source"
	EventKey  = "event_key"
	UserID    = "user_id"
	RuleID    = "rule_id"
	FrameID   = "frame_id"
	Depth     = "depth"
	Attempt   = "attempt"
	Delay     = "delay"
	Reason    = "reason"
	Cursor    = "cursor"
	ElapsedMS = "elapsed_ms"
	Error     = "error"
	NotLogged = "not_logged" // lines of this kind since the last one
)
