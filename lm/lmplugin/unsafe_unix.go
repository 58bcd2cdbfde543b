//go:build unix

package lmplugin

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/archbench/archbench/internal/home"
)

// othersMayWrite is the write permission of other users.
const othersMayWrite = 0o002

// Unsafe says how another user could have put an executable there or could replace it, or returns "". It is unsafe if
// everybody may write to the file, to its folder or to a parent folder without the sticky bit, or if an untrusted user owns
// the file or its folder. Every symbolic link on the way is followed and checked too.
func Unsafe(path string) string {
	for _, p := range stations(path) {
		for _, check := range []func(string) string{writableFile, writableFolders, foreign} {
			if reason := check(p); reason != "" {
				return reason
			}
		}
	}
	return ""
}

// mostLinks is how many symbolic links the system follows.
const mostLinks = 40

// stations returns the absolute paths through which a file is reached: its own, and the path after each symbolic link.
func stations(path string) []string {
	var all []string
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	for next := path; next != "" && len(all) < mostLinks; next = followed(next) {
		all = append(all, next)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil && !slices.Contains(all, target) {
		all = append(all, target)
	}
	return all
}

// followed replaces the first symbolic link of a path by its target, and returns "" if there is no link.
func followed(path string) string {
	for end := 1; end <= len(path); end++ {
		if end < len(path) && path[end] != filepath.Separator {
			continue
		}
		target, err := os.Readlink(path[:end])
		if err != nil {
			continue
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path[:end]), target)
		}
		return filepath.Join(target, path[end:])
	}
	return ""
}

// writableFile returns a reason if everybody may write to the file.
func writableFile(path string) string {
	if info, err := os.Stat(path); err == nil && info.Mode()&othersMayWrite != 0 {
		return "everybody may write to it: chmod o-w " + path
	}
	return ""
}

// writableFolders returns a reason if everybody may replace the file through one of its parent folders.
func writableFolders(path string) string {
	dir := filepath.Dir(path)
	for above := dir; ; above = filepath.Dir(above) {
		info, err := os.Stat(above)
		protected := above != dir && err == nil && info.Mode()&fs.ModeSticky != 0
		if err == nil && info.Mode()&othersMayWrite != 0 && !protected {
			return fmt.Sprintf("everybody may write to the folder %s: chmod o-w it", above)
		}
		if above == filepath.Dir(above) {
			return ""
		}
	}
}

// foreign returns a reason if the file or its folder belongs to somebody other than the user, root or the owner of this
// program.
func foreign(path string) string {
	for _, p := range []string{path, filepath.Dir(path)} {
		if uid, ok := owner(p); ok && !slices.Contains(trusted(), uid) {
			return fmt.Sprintf("%s belongs to user %d, who is neither you, root nor the owner of archbench", p, uid)
		}
	}
	return ""
}

// trusted returns the users who could replace this program or the user's files anyway.
func trusted() []uint32 {
	all := []uint32{0, uint32(os.Geteuid())}
	self, err := os.Executable()
	if err != nil {
		return all
	}
	for _, p := range []string{self, home.Bin()} {
		if uid, ok := owner(p); ok {
			all = append(all, uid)
		}
	}
	return all
}

// owner returns the user who owns a file or a symbolic link.
func owner(path string) (uid uint32, ok bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}
