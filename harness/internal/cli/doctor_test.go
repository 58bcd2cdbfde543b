package cli

import (
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/home"
)

// TestDoctorInstallation checks the warning about a variable that does not name an installation.
func TestDoctorInstallation(t *testing.T) {
	for dir, state := range map[string]string{t.TempDir(): "ok", "/nowhere": "warning", "doctor.go": "warning"} {
		t.Setenv(home.Variable, dir)
		var d diagnosis
		d.installation()
		row := d.table.Rows[0]
		if row[1].Text != state || !strings.Contains(row[2].Text, dir) || state == "warning" && !strings.Contains(row[3].Text, home.Variable) {
			t.Errorf("%s: %+v", dir, row)
		}
	}
}
