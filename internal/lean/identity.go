package lean

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Identity returns only what identifies an object and its version.
func Identity(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion}
}
