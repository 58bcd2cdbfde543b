package store

import "syscall"

// networkFileSystems are those on which a write-ahead log is unsafe, by the magic number of statfs(2).
var networkFileSystems = map[uint32]string{
	0x6969: "NFS", 0x0BD00BD0: "Lustre", 0x47504653: "GPFS", 0xFE534D42: "SMB", 0x517B: "SMB", 0xFF534D42: "CIFS",
	0x65735546: "FUSE", 0x01021997: "9P", 0x5346414F: "AFS", 0x00C36400: "Ceph",
}

// networkFileSystem names the network file system that dir lies on, "" for a local one.
func networkFileSystem(dir string) string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return ""
	}
	return networkFileSystems[uint32(s.Type)]
}
