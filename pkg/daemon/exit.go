package daemon

// Exit statuses of riffle's processes. 2 is not among them: Go ends with it
// after a panic, and a panic must be restarted, while 64 and 78 stand in the
// units' RestartPreventExitStatus.
const (
	ExitStopped = 0  // stopped as asked, or the work is done
	ExitFailed  = 1  // failed; starting again may help
	ExitUsage   = 64 // the command line is wrong
	ExitConfig  = 78 // the configuration is wrong; starting again does not help
)
