// The wsgi.file_wrapper of every gateway. It is not in file-wrapper.ts, because the build takes all of that file from the main
// entry, so that there is one class FileWrapper.

import type { FileWrapperFunction } from '../types.ts';
import { FileWrapper } from './file-wrapper.ts';

/** Returns `file` as a response body. */
export const wrapFile: FileWrapperFunction = (file, blockSize) => new FileWrapper(file, blockSize);
