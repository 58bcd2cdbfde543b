//go:build !linux

package store

// NetworkFileSystem is unknown on this platform; the trial on a scratch file decides.
func NetworkFileSystem(string) string { return "" }
