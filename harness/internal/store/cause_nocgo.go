//go:build !cgo

package store

// cause finds nothing: there are no error codes without the driver.
func cause(error) failure { return otherFailure }
