//go:build unix

package lmplugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mode sets permissions regardless of the umask.
func mode(t *testing.T, path string, m os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, m); err != nil {
		t.Fatal(err)
	}
}

func TestUnsafe(t *testing.T) {
	for _, c := range []struct {
		name    string
		file    os.FileMode
		folder  os.FileMode
		above   os.FileMode
		message string
	}{
		{"private", 0o700, 0o700, 0o700, ""},
		{"of a group", 0o775, 0o775, 0o775, ""},
		{"file", 0o757, 0o755, 0o755, "everybody may write to it: chmod o-w"},
		{"folder", 0o755, 0o757, 0o755, "everybody may write to the folder"},
		{"sticky folder", 0o755, 0o757 | os.ModeSticky, 0o755, "everybody may write to the folder"},
		{"folder above", 0o755, 0o755, 0o757, "everybody may write to the folder"},
		{"sticky folder above", 0o755, 0o755, 0o757 | os.ModeSticky, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			above := t.TempDir()
			path := write(t, filepath.Join(above, "folder", Prefix+"x"), "#!", 0o755)
			link := filepath.Join(t.TempDir(), Prefix+"x")
			if err := os.Symlink(path, link); err != nil {
				t.Fatal(err)
			}
			mode(t, path, c.file)
			mode(t, filepath.Dir(path), c.folder)
			mode(t, above, c.above)
			for _, p := range []string{path, link} {
				if got := Unsafe(p); got == "" != (c.message == "") || !strings.Contains(got, c.message) {
					t.Errorf("%s: %q, want %q", p, got, c.message)
				}
			}
		})
	}
}

// TestUnsafeLink checks that a link is only as safe as its folder.
func TestUnsafeLink(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), Prefix+"x"), "#!", 0o755)
	dir := t.TempDir()
	link := filepath.Join(dir, Prefix+"x")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	mode(t, dir, 0o777)
	if got := Unsafe(link); !strings.Contains(got, dir) {
		t.Errorf("%q", got)
	}
}

// TestUnsafeLinks follows links between folders of the user through a world-writable folder, where somebody else could
// redirect them.
func TestUnsafeLinks(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), Prefix+"x"), "#!", 0o755)
	shared := t.TempDir()
	mode(t, shared, 0o777)
	link := func(target, name string) string {
		t.Helper()
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	file := link(link(path, filepath.Join(shared, "file")), filepath.Join(t.TempDir(), Prefix+"x"))
	folder := link(link(filepath.Dir(path), filepath.Join(shared, "folder")), filepath.Join(t.TempDir(), "folder"))
	for _, p := range []string{file, filepath.Join(folder, Prefix+"x")} {
		if got := Unsafe(p); !strings.Contains(got, "everybody may write to the folder "+shared) {
			t.Errorf("%s: %q", p, got)
		}
	}
	if got := Unsafe(link(path, filepath.Join(t.TempDir(), Prefix+"x"))); got != "" {
		t.Errorf("a link between folders of the user: %q", got)
	}
}

// TestUnsafeRelative checks that folders above the working directory count too.
func TestUnsafeRelative(t *testing.T) {
	above := t.TempDir()
	write(t, filepath.Join(above, "work", "bin", Prefix+"x"), "#!", 0o755)
	mode(t, above, 0o777)
	t.Chdir(filepath.Join(above, "work"))
	if got := Unsafe(filepath.Join("bin", Prefix+"x")); !strings.Contains(got, "everybody may write to the folder "+above) {
		t.Errorf("%q", got)
	}
}

func TestForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	path := write(t, filepath.Join(t.TempDir(), Prefix+"x"), "#!", 0o755)
	if err := os.Chown(path, 4711, 4711); err != nil {
		t.Skip(err)
	}
	if got := Unsafe(path); !strings.Contains(got, "belongs to user 4711") {
		t.Errorf("%q", got)
	}
}

// TestUnsafeIsRejected checks that Find rejects files that others could have put there, and says why.
func TestUnsafeIsRejected(t *testing.T) {
	dir, work, safe := t.TempDir(), t.TempDir(), t.TempDir()
	path := write(t, filepath.Join(dir, Prefix+"x"), "#!", 0o755)
	here := write(t, filepath.Join(work, Prefix+"y"), "#!", 0o755)
	other := write(t, filepath.Join(safe, Prefix+"z"), "#!", 0o755)
	mode(t, dir, 0o777)
	t.Chdir(work)
	t.Setenv(PathVariable, dir)
	for _, entries := range []string{":" + safe, ".:" + safe, safe + ":", "./:" + safe} {
		t.Setenv("PATH", entries)
		if _, err := Find("x", ""); err == nil || !strings.Contains(err.Error(), path+": unsafe: everybody may write") {
			t.Errorf("in a world-writable folder: %v", err)
		}
		if _, err := Find("y", ""); err == nil || !strings.Contains(err.Error(), here+": found through an empty or relative entry of PATH") {
			t.Errorf("PATH=%s: %v", entries, err)
		}
		if got, err := Find("z", ""); err != nil || got != other {
			t.Errorf("PATH=%s: %s, %v", entries, got, err)
		}
	}
	t.Setenv("PATH", ":"+work)
	if got, err := Find("y", ""); err != nil || got != here {
		t.Errorf("a folder that PATH also names absolutely: %s, %v", got, err)
	}
	if got, err := Find("x", path); err != nil || got != path {
		t.Errorf("named: %s, %v", got, err)
	}
}
