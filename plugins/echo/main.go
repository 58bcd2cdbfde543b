// Command archbench-plugin-echo serves no real model but the uniform distribution, whose loss is exactly ln V: what a
// call on it costs is what the boundary costs. It also measures the ceilings of the host, so that the harness learns
// them over the same contract as everything else.
package main

import "github.com/archbench/archbench/lm/lmplugin"

func main() { lmplugin.Serve(architecture{}) }
