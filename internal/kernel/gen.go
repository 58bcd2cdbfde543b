package kernel

// The assembly is checked in; the generator is a module of its own.
//
//go:generate go run -C gen . -file gemm -out ../gemm_amd64.s -stubs ../gemm_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file dot -out ../dot_amd64.s -stubs ../dot_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file backward -out ../backward_amd64.s -stubs ../backward_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file convert -out ../convert_amd64.s -stubs ../convert_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file elementwise -out ../elementwise_amd64.s -stubs ../elementwise_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file rows -out ../rows_amd64.s -stubs ../rows_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file attention -out ../attention_amd64.s -stubs ../attention_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file peak -out ../peak_amd64.s -stubs ../peak_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file scan -out ../scan_amd64.s -stubs ../scan_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file resolvent -out ../resolvent_amd64.s -stubs ../resolvent_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file amx -out ../amx_amd64.s -stubs ../amx_stubs_amd64.go -pkg kernel
//go:generate go run -C gen . -file panel -out ../panel_amd64.s -stubs ../panel_stubs_amd64.go -pkg kernel
