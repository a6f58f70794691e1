package redis

import "strings"

// registry is the set of all sources that were ever pushed for; filters find
// them by it. It is the only key outside a source's slot.
const registry = "riffle:sources"

// tagged keeps braces in a source's name from ending its hash tag.
var tagged = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")

func key(source, name string) string { return "riffle:{" + tagged.Replace(source) + "}:" + name }

// sourceKey is a hash: where the source's chain stands, who holds its name, and
// the sums of what waits.
func sourceKey(source string) string { return key(source, "source") }

// framesKey is the list of frames that wait, the oldest at the left.
func framesKey(source string) string { return key(source, "frames") }

// takenKey is a hash, frame id to frame: what is in flight.
func takenKey(source string) string { return key(source, "taken") }

// leasesKey is a sorted set, frame id by the end of its lease in µs.
func leasesKey(source string) string { return key(source, "leases") }

// agesKey is a sorted set, frame id in flight by its oldest event in ms.
func agesKey(source string) string { return key(source, "ages") }

// deliveriesKey is a hash, frame id to "STAMP COUNT": of every frame in flight,
// and of those that wait again after a delivery that was not given back.
func deliveriesKey(source string) string { return key(source, "deliveries") }

// ackedKey is a hash, frame id to frame: what was acknowledged lately.
func ackedKey(source string) string { return key(source, "acked") }

// ackTimesKey is a sorted set, frame id by the time of its acknowledgement in µs.
func ackTimesKey(source string) string { return key(source, "acktimes") }
