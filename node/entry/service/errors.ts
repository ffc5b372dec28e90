import { CommandError, EXIT } from '../errors.ts'

/** The system's service manager cannot do what it was asked. */
export class ServiceError extends CommandError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.failed, options)
  }
}
