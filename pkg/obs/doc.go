// Package obs is how riffle's processes speak to whoever watches them: the
// logger with a level for each component, and the names of the fields that its
// lines share. It knows nothing of events.
package obs
