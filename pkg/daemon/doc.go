// Package daemon is the frame of a long-running process: it runs the parts,
// stops them on a signal within a deadline, answers the debug listener and
// speaks systemd's notify protocol. It knows nothing of what the parts do.
package daemon
