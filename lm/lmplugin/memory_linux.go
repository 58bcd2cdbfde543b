package lmplugin

import "golang.org/x/sys/unix"

// hostMemory returns the bytes of memory and swap of the host.
func hostMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64((uint64(info.Totalram) + uint64(info.Totalswap)) * uint64(info.Unit))
}
