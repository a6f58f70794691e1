package redis

// KeepBytes sets how many bytes of acknowledged frames stay.
func (b *Buffer) KeepBytes(n int) { b.keepBytes = n }
