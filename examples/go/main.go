// Enqueues one job and waits for its outcome: cd examples/go && go run . ACCOUNT
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: enqueue ACCOUNT")
	}
	ns := or(os.Getenv("ZOOMD_NAMESPACE"), "zoomd")
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		log.Fatal(err)
	}
	id := fmt.Sprintf("go-%x", random)
	job, err := json.Marshal(map[string]any{
		"id":      id,
		"account": os.Args[1],
		"reply":   true,
		"meeting": map[string]any{
			"topic":      "Hello from Go",
			"start_time": time.Now().UTC().Add(24 * time.Hour).Format(time.RFC3339),
			"duration":   30,
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	redis, err := Dial(or(os.Getenv("REDIS_URL"), "redis://127.0.0.1:6379"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := redis.Call("XADD", ns+":jobs", "*", "job", string(job)); err != nil {
		log.Fatal(err)
	}
	reply := ns + ":reply:" + id
	answer, err := redis.Call("BLMOVE", reply, reply, "LEFT", "LEFT", "30")
	if err != nil {
		log.Fatal(err)
	}
	if answer == nil {
		log.Fatal("no outcome yet")
	}

	var outcome struct {
		Status, Code, Message string
		Meeting               struct {
			JoinURL string `json:"join_url"`
		}
	}
	if err := json.Unmarshal([]byte(*answer), &outcome); err != nil {
		log.Fatal(err)
	}
	if outcome.Status != "succeeded" {
		log.Fatalf("%s: %s", outcome.Code, outcome.Message)
	}
	fmt.Println(outcome.Meeting.JoinURL)
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
