package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the revision of this binary", Example: "  archbench version",
		Args: count(0, 0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.out, "archbench %s %s %s/%s\n", a.revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
