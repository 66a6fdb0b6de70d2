import type { Answer } from '../../answers.ts';
import { cleanupView } from './cleanup-view.ts';
import { discoveryView } from './discovery-view.ts';
import { doctorView } from './doctor-view.ts';
import { fleetView } from './fleet-view.ts';
import { refreshView } from './refresh-view.ts';
import { statusView } from './status-view.ts';

/** An answer of the function as tables for people; coloured where stdout takes colours. */
export function answerView(answer: Answer): string {
  switch (answer.action) {
    case 'status':
      return statusView(answer);
    case 'doctor':
      return doctorView(answer);
    case 'cleanup':
      return cleanupView(answer);
    case 'discover':
      return discoveryView(answer);
    case 'summarize':
      return fleetView(answer);
    default:
      return refreshView(answer);
  }
}
