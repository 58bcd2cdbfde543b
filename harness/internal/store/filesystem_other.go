//go:build !linux

package store

// networkFileSystem is unknown on this platform; the trial on a scratch file decides.
func networkFileSystem(string) string { return "" }
