// Package internal is what the mains share: the way from arguments and
// environment to a running process, and from URLs to adapters. It is the one
// place that knows all adapters; a new network is one line in networks.
package internal
