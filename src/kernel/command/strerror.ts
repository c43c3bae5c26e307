/** What the C library says for an errno, which is how most programs pass on a refusal by the kernel. */

const TEXTS: Readonly<Record<string, string>> = {
  "Operation not permitted": "EPERM",
  "No such file or directory": "ENOENT",
  "No such process": "ESRCH",
  "Interrupted system call": "EINTR",
  "Input/output error": "EIO",
  "No such device or address": "ENXIO",
  "Resource temporarily unavailable": "EAGAIN",
  "Cannot allocate memory": "ENOMEM",
  "Permission denied": "EACCES",
  "Bad address": "EFAULT",
  "Device or resource busy": "EBUSY",
  "File exists": "EEXIST",
  "No such device": "ENODEV",
  "Invalid argument": "EINVAL",
  "No space left on device": "ENOSPC",
  "Numerical result out of range": "ERANGE",
  "Protocol error": "EPROTO",
  "Message too long": "EMSGSIZE",
  "Protocol not available": "ENOPROTOOPT",
  "Protocol not supported": "EPROTONOSUPPORT",
  "Operation not supported": "EOPNOTSUPP",
  "Address family not supported by protocol": "EAFNOSUPPORT",
  "Address already in use": "EADDRINUSE",
  "Cannot assign requested address": "EADDRNOTAVAIL",
  "Network is down": "ENETDOWN",
  "Network is unreachable": "ENETUNREACH",
  "No buffer space available": "ENOBUFS",
  "Connection timed out": "ETIMEDOUT",
  "No route to host": "EHOSTUNREACH",
};

/** The errno that the text is the C library's for, or undefined. */
export function errnoOfText(text: string): string | undefined {
  return TEXTS[text.trim()];
}
