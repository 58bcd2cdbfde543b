// Command gen writes the assembly of package kernel with avo. It is a module of its own, so that avo never enters
// the product's module graph. `go generate ./internal/kernel` runs it once per file:
//
//	go run . -file gemm -out ../gemm_amd64.s -stubs ../gemm_stubs_amd64.go -pkg kernel
package main

import (
	"flag"
	"log"

	"github.com/mmcloughlin/avo/build"
)

// files maps the name of an assembly file to what builds its functions.
var files = map[string]func(){
	"gemm":        gemm,
	"dot":         dots,
	"backward":    backward,
	"convert":     conversions,
	"elementwise": elementwise,
	"rows":        rows,
	"peak":        peaks,
	"attention":   attention,
	"scan":        scan,
	"resolvent":   resolvent,
	"amx":         amx,
	"panel":       panels,
}

func main() {
	file := flag.String("file", "", "which assembly file to write")
	flag.Parse()
	functions, ok := files[*file]
	if !ok {
		log.Fatalf("gen: no file %q", *file)
	}
	build.ConstraintExpr("amd64")
	functions()
	build.Generate()
}
