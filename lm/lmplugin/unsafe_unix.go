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

// othersMayWrite is the permission of everybody.
const othersMayWrite = 0o002

// Unsafe says why somebody else could have put an executable there or could replace it: everybody may write to the file,
// to its folder or, unless the sticky bit protects what lies in it, to a folder above; or the file or its folder belongs
// to a user whom nobody has to trust. "" means that nobody could. Links are followed, and count with where they lie.
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

// mostLinks is how many links the system follows.
const mostLinks = 40

// stations are the absolute paths by which a file is reached: its own, and what each link on the way makes of it.
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

// followed puts what the first link of a path leads to in its place; "" if there is none.
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

// writableFile says that everybody may write to a file.
func writableFile(path string) string {
	if info, err := os.Stat(path); err == nil && info.Mode()&othersMayWrite != 0 {
		return "everybody may write to it: chmod o-w " + path
	}
	return ""
}

// writableFolders says that everybody may put another file in the place of one.
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

// foreign says that a file or its folder belongs to somebody who is neither the user, nor root, nor the owner of this
// program.
func foreign(path string) string {
	for _, p := range []string{path, filepath.Dir(path)} {
		if uid, ok := owner(p); ok && !slices.Contains(trusted(), uid) {
			return fmt.Sprintf("%s belongs to the user with number %d, who is neither you, root nor the owner of archbench", p, uid)
		}
	}
	return ""
}

// trusted are the users who could replace this program or whatever the user owns.
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

// owner is the user to whom a file or a link belongs.
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
