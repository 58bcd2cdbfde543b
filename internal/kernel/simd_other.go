//go:build !amd64

package kernel

func simdTiers() []*tier { return nil }
