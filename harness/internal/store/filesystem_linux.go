package store

import (
	"errors"
	"path/filepath"
	"syscall"
)

// networkFileSystems maps the statfs(2) magic numbers of file systems on which a write-ahead log is unsafe to their
// names.
var networkFileSystems = map[uint32]string{
	0x6969: "NFS", 0x0BD00BD0: "Lustre", 0x47504653: "GPFS", 0xFE534D42: "SMB", 0x517B: "SMB", 0xFF534D42: "CIFS",
	0x65735546: "FUSE", 0x01021997: "9P", 0x5346414F: "AFS", 0x00C36400: "Ceph",
}

// NetworkFileSystem names the network file system of a folder, or of its nearest parent if it does not exist yet; "" if that is
// local.
func NetworkFileSystem(dir string) string {
	var s syscall.Statfs_t
	err := syscall.Statfs(dir, &s)
	for ; errors.Is(err, syscall.ENOENT) && dir != filepath.Dir(dir); err = syscall.Statfs(dir, &s) {
		dir = filepath.Dir(dir)
	}
	if err != nil {
		return ""
	}
	return networkFileSystems[uint32(s.Type)]
}
