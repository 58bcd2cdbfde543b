//go:build !linux && !darwin

package process

// start is not known on this platform, so a process that may live is never taken for gone.
func start(int) (at string, ended bool, err error) { return "", false, nil }

func namespace() string { return "" }

func boot() string { return "" }

func machine() string { return "" }
