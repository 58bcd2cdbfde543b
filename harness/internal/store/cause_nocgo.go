//go:build !cgo

package store

// cause knows no codes without the driver.
func cause(error) failure { return otherFailure }
