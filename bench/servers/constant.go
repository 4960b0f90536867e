// Constant answers from Go's net/http: constant FILE. It reads bodies without a look at them. Settings: PORT.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

func constant(answer json.RawMessage) http.HandlerFunc {
	var text bytes.Buffer
	if err := json.Compact(&text, answer); err != nil {
		log.Fatal(err)
	}
	return func(response http.ResponseWriter, request *http.Request) {
		io.Copy(io.Discard, request.Body)
		response.Header().Set("Content-Type", "application/json")
		response.Write(text.Bytes())
	}
}

func main() {
	file, err := os.ReadFile(os.Args[1])
	answers := map[string]json.RawMessage{}
	if err == nil {
		err = json.Unmarshal(file, &answers)
	}
	for path, answer := range answers {
		http.HandleFunc(path, constant(answer))
	}
	if err == nil {
		err = http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil)
	}
	log.Fatal(err)
}
